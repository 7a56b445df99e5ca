"""Each database reflected for real, with SQLAlchemy's Inspector as the oracle where it is right."""
