"""Extensions: code of the user's own, called, refused, begun and ended by real servers."""
