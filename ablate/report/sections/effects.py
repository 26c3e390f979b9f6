"""The effects as a forest plot, with the margin as a band."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ablate.analysis.findings import Analysis, Effect
from ablate.report.blocks import Block, Illustration, Paragraph
from ablate.report.drawing import BLACK, BLUE, GREEN, VERMILLION, WIDE, Picture, finish
from ablate.report.names import component_names, effect_name
from ablate.report.section import Content, ReportData
from ablate.report.wording import Scale, scale_of
from ablate.wording import one_line

ORDER = 50
LABEL_LIMIT = 44
MOST_EFFECTS = 40
MOST_INTERACTIONS = 12


def content(data: ReportData) -> Content | None:
    """What an effect is, and the plot."""
    if not data.analysis.effects:
        return None
    lower = data.study.response.direction == "lower"
    turned = ", with the sign reversed so that an improvement is positive" if lower else ""
    blocks: list[Block] = [
        Paragraph(
            f"The effect of a part is the mean {data.scale.title} with it minus the mean without "
            f"it{turned}. Positive: the part helps."
        )
    ]
    picture = effects_picture(data.analysis)
    if picture is not None:
        blocks.append(Illustration(picture))
    return Content("Effect of each part, with p values", tuple(blocks), folded=True)


def effects_picture(analysis: Analysis) -> Picture | None:
    """The forest plot; None where no effect is known."""
    drawn = _forest_effects(analysis.effects)
    if not drawn:
        return None
    scale = scale_of(analysis.study)
    names = component_names(analysis.study)
    figure = Figure(figsize=(WIDE, 0.9 + 0.32 * len(drawn)), layout="constrained")
    axes = figure.add_subplot()
    limit = _forest_limit(drawn, analysis.study.margin)
    margin = analysis.study.margin * scale.factor
    axes.axvspan(-margin, margin, color="#E6E6E6", lw=0, zorder=0)
    axes.axvline(0, color=BLACK, lw=0.8, zorder=1)
    for row, effect in enumerate(drawn):
        _forest_line(axes, effect, row, limit=limit * scale.factor, factor=scale.factor)
        _forest_note(axes, scale.signed(effect.estimate), row, indent=50, align="right")
        _forest_note(axes, effect.verdict or "", row, indent=58, align="left")
    axes.set_yticks(range(len(drawn)), [_forest_label(effect, names) for effect in drawn])
    axes.set_ylim(len(drawn) - 0.4, -0.6)
    axes.set_xlim(-limit * scale.factor, limit * scale.factor)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    unit = f", {scale.difference_unit}" if scale.difference_unit else ""
    axes.set_xlabel(f"Effect on {one_line(scale.title, 40)}{unit}  (right of 0: the part helps)")
    return finish(
        figure,
        name="effects",
        caption=(
            "Filled circle: in the full model. Open square: on average over the other parts. "
            "Diamond: interaction. Line: 95 % interval, with an arrow if it extends outside the "
            f"picture. Grey band: differences up to the margin of "
            f"{scale.size(analysis.study.margin)}."
        ),
        alternative=_forest_in_words(drawn, scale, names),
    )


def _forest_in_words(effects: Sequence[Effect], scale: Scale, names: Mapping[str, str]) -> str:
    effects_in_words = (
        f"{_forest_label(effect, names)} {scale.signed(effect.estimate)} "
        f"{scale.signed_interval(effect.low, effect.high)}"
        for effect in effects
    )
    return f"Effects with intervals: {'; '.join(effects_in_words)}."


def _forest_effects(effects: Sequence[Effect]) -> list[Effect]:
    known = [effect for effect in effects if math.isfinite(effect.estimate)]
    order = list(dict.fromkeys(effect.name for effect in known))
    single = [effect for effect in known if effect.kind != "interaction"]
    single.sort(key=lambda effect: (order.index(effect.name), effect.kind != "simple"))
    joint = [effect for effect in known if effect.kind == "interaction"]
    largest = sorted(joint, key=lambda effect: -abs(effect.estimate))[:MOST_INTERACTIONS]
    return [*single[:MOST_EFFECTS], *(effect for effect in joint if effect in largest)]


def _forest_limit(effects: Sequence[Effect], margin: float) -> float:
    """Half the width of the plot: one very wide interval must not squeeze all others."""
    reaches = [
        max(abs(end) for end in (effect.low, effect.high, effect.estimate) if math.isfinite(end))
        for effect in effects
    ]
    middle = sorted(reaches)[len(reaches) // 2]
    largest = max(abs(effect.estimate) for effect in effects)
    return min(1.08 * max(*reaches, 2 * margin), max(4 * margin, 1.3 * largest, 2 * middle))


def _forest_line(axes: Axes, effect: Effect, row: int, *, limit: float, factor: float) -> None:
    colour, shape, face = {
        "simple": (BLUE, "o", BLUE),
        "main": (VERMILLION, "s", "white"),
        "interaction": (GREEN, "D", "white"),
    }[effect.kind]
    ends = [factor * end for end in (effect.low, effect.high)]
    if all(math.isfinite(end) for end in ends):
        low, high = (min(limit, max(-limit, end)) for end in ends)
        style = "-" if effect.kind == "simple" else (0, (5, 1.5))
        axes.plot([low, high], [row, row], color=colour, lw=1.6, ls=style, zorder=2)
        for end, cut, arrow in ((low, ends[0] < -limit, "<"), (high, ends[1] > limit, ">")):
            marker, size = (arrow, 6) if cut else ("|", 7)
            axes.plot([end], [row], marker, ms=size, color=colour, clip_on=False, zorder=2)
    estimate = factor * effect.estimate
    axes.plot([estimate], [row], shape, ms=6.5, mec=colour, mfc=face, mew=1.5, zorder=3)


def _forest_note(axes: Axes, text: str, row: int, *, indent: float, align: str) -> None:
    """Text in a column right of the plot, a number of points from its edge."""
    axes.annotate(
        text,
        (1, row),
        xycoords=("axes fraction", "data"),
        xytext=(indent, 0),
        textcoords="offset points",
        ha=align,
        va="center",
        annotation_clip=False,
    )


def _forest_label(effect: Effect, names: Mapping[str, str]) -> str:
    name = one_line(effect_name(effect.name, names), LABEL_LIMIT)
    where = {"simple": ", full model", "main": ", on average", "interaction": ""}[effect.kind]
    return name + where
