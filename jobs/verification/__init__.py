"""Every promise that SQL and Redis can show, looked at: what is not as it must be is a finding, with its row's name."""
