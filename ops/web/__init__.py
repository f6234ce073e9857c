"""What the pages of this machine share: their files, and answers with the headers that keep them harmless."""
