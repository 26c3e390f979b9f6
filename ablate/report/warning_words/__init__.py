"""The title and the text of each kind of warning, by subject.

A kind of warning is one function, found by its class. It knows no section and no page.
"""
