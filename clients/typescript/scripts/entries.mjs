// What the package exports: each entry is one file, of at most so many bytes, minified and compressed by gzip -9.

export const entries = [
  { name: "index", external: [], bytesMax: 6144 },
  { name: "testing", external: [], bytesMax: 12_288 },
  { name: "react", external: ["react"], bytesMax: 819 },
  { name: "vue", external: ["vue"], bytesMax: 1024 },
  { name: "devtools", external: [], bytesMax: 3072 },
];
