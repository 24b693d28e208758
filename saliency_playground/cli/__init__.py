"""The command line, `saliency-playground`: a thin face over the functions of the floors below."""
