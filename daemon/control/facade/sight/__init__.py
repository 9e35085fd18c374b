"""What technicians look at: messages of calls, figures for monitoring, captures, bans."""
