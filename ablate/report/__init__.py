"""What people read of a study: tables, figures and pages, built from its record and its analysis.

A report can be built again at any time. It must not know how runs are trained or what a task
measures, and it never imports Keras or MLflow.
"""
