"""`python -m githubsim`."""

from githubsim.cli import main

if __name__ == "__main__":
    main()
