"""What the pages of this machine share: HTTP, their files, and answers with the headers that keep them harmless."""
