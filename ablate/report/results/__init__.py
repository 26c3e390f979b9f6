"""Results of other programs, a row a run, read as a study: CSV files, exports, tuners' folders.

It must not know how a report is written, nor import a tracking library: a tracking server's runs
reach it as a table.
"""
