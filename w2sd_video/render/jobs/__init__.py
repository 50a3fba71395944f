"""From a prompt list to jobs, a clip each; and what can happen to a job."""
