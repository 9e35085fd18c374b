"""What is made of the sound of calls: who speaks, how loud, who has answered, who calls."""
