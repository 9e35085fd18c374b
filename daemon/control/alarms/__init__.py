"""What is wrong while the hotline runs: raised, shown to people and monitors, and cleared again."""
