"""What is told outside of the inbox: in messengers of operators, by letter, SMS and as events."""
