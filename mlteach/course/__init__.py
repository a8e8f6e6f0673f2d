"""What a teacher calls: pages, PDFs and slides of chapters that need no network."""
