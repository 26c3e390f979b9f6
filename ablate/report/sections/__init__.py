"""The sections of a report, one module a table or figure with its words, found by itself.

A section reads a study's record and its analysis and returns blocks. It does not know the page
around it, the other formats of the report, or which sections come before and after it.
"""
