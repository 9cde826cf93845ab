"""What simulated people do, a file for each kind of work; `githubsim.people` has the weights."""
