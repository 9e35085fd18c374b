"""What calls cost a whole hotline: a site of its own, SIPp and our own telephones around it."""
