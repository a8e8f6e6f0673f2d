"""What several tests share: cases, naive references, and test bodies for all of one kind."""
