// Package backup is the format of a backup: one gzipped tar that holds, in this
// order, manifest.json and the files that the manifest lists, each with its
// size and SHA-256. Any tar opens it.
//
// A reader believes nothing: it takes exactly the names it expects, in their
// order, and makes no path of what the tar says; sizes are what the manifest
// says or the backup is refused; after the last file nothing may follow.
package backup
