// Package export keeps directories of exported collections: it says how they are laid out, publishes their files, seals
// them with a manifest, checks them, and deletes old ones. What is in the files is not its business.
//
// A directory of all runs holds one directory for each run:
//
//	DIRECTORY/RUN/COLLECTION/PARTITION.h5         a part; PARTITION.00001.h5 and so on where partitions are split
//	DIRECTORY/RUN/yamls/COLLECTION.yaml           the job that loads the whole collection again
//	DIRECTORY/RUN/yamls/COLLECTION/PARTITION.yaml MilvusDM's H2M file that loads the vectors of one partition again
//	DIRECTORY/RUN/SHA256SUMS                      for sha256sum -c
//	DIRECTORY/RUN/manifest.json                   written last; a run without it is not finished
//
// Which of three names the manifest has tells what a run is: manifest.partial.json of one that is being written,
// manifest.json of a finished one, manifest.deleted.json of one that is being deleted.
//
// A part has a temporary name until it is whole and synced, then gets its own by link(2), which replaces nothing. So what
// has a final name is whole, is never written again, and of two attempts that are alive at once only one can give it. What
// is known of a part stands in a receipt beside it until the manifest is there: an attempt that finds the part published
// takes it over.
//
// All below a run's directory is reached through an [os.Root], and deleting never follows a symbolic link.
package export
