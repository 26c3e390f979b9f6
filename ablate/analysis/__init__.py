"""Statistics of a study: arrays of results in, facts out.

It computes effects, verdicts, attributions and warnings. It writes no sentence for people (that is
the task of `ablate.report`) and does not know how runs were trained or where they are stored.
"""
