"""What is looked through and found: lists, filters, search, and what operators keep of them."""
