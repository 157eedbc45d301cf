"""The report's sections, each made from the document's figures."""
