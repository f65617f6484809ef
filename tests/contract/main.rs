//! The contract, line by line: `// contract: F1, F3` directly above a test names the lines of CONTRACT.md that it covers.
