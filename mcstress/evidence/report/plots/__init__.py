"""The HTML report's plots, drawn by Bokeh from the document's head.

Colours of text and grid are the page's own (CSS variables): they follow its light or dark mode.
"""
