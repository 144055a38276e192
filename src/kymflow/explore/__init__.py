"""Explore: see, question and review a dataset on a page in the browser.

The page is served by this process, to this machine, from what is installed; it needs no network.
Everything it shows or does is a call of :mod:`kymflow.core`.
"""
