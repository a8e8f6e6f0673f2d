"""What several tests share: cases, naive references, and test bodies that hold for every one of a kind."""
