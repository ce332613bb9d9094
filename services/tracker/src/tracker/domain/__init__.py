"""What a participation is and when it counts: pure functions of what was told, without a clock."""
