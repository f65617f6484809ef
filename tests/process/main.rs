//! The contract across processes: `// contract: P3` directly above a test names the lines of CONTRACT.md that it covers.
