"""`python -m saliency_playground …` is `saliency-playground …`."""
from .cli.main import main

if __name__ == "__main__":
    main(prog_name="saliency-playground")
