"""What simulated people do, one file for each kind of work; `githubsim.people` decides how often."""
