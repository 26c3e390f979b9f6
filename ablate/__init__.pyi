from ablate.api.analyse import analyse as analyse
from ablate.api.load_model import load_model as load_model
from ablate.api.open import open as open
from ablate.api.results import StudyResults as StudyResults
from ablate.api.run import run as run
from ablate.errors import RequestError as RequestError

__version__: str
