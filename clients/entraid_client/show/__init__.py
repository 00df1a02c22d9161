"""What `entraidctl` prints: tables and trees for people, one JSON document for programs, errors, a run's progress."""
