// What the package exports: each entry is one file, of at most so many bytes, minified and compressed by gzip -9.

export const entries = [{ name: "index", external: [], bytesMax: 6144 }];
