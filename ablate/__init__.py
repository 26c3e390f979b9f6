"""Ablation studies of deep-learning models: which parts are needed, with evidence.

    import ablate

    study = ablate.run(study="xyz")          # train what is missing; the study's results
    study = ablate.open("xyz")               # the results of a study that was run here
    study = ablate.analyse(frame, factors=["norm", "dropout"], response="accuracy", seed="seed")
    study.verdicts                           # a pandas table; also .runs, .cells and .effects
    model = study.load_model()               # the trained model that was kept
    study.figure("grid")                     # a picture of the report
    study                                    # in a notebook: the report

The names are imported when they are first used: every process that trains imports this package.
"""

import importlib

__version__ = "0.1.0"
__all__ = ["RequestError", "StudyResults", "analyse", "load_model", "open", "run"]

_MODULES = {
    "RequestError": "errors",
    "StudyResults": "api.results",
    "analyse": "api.analyse",
    "load_model": "api.load_model",
    "open": "api.open",
    "run": "api.run",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
