"""What maps and an ensemble say of points: tables, choices, scores and labels of new points."""
