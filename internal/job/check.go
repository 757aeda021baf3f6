package job

import (
	"slices"
	"strings"

	"milvusdm/internal/job/strict"
)

// Check refuses a path that is there twice: its rows would be read twice.
func (f *Files) Check(keys strict.Keys) { checkPaths(keys, "paths", f.Paths) }

func checkPaths(keys strict.Keys, key string, paths []string) {
	seen := map[string]bool{}
	for _, p := range paths {
		if p != "" && seen[p] {
			keys.Errorf(key, "%s is listed twice; remove one", strict.Quote(p))
		}
		seen[p] = true
	}
}

// Check refuses ways to log in that contradict each other.
func (s *MilvusServer) Check(keys strict.Keys) {
	password := keys.Has("password") || keys.Has("password_file")
	token := keys.Has("token") || keys.Has("token_file")
	switch {
	case token && keys.Has("user"):
		keys.Errorf("user", "contradicts the token; write user and password, or token")
	case token && password:
		keys.Errorf("password", "contradicts the token; write user and password, or token")
	case keys.Has("user") && !password:
		keys.Errorf("user", "has no password; write password: ${env:NAME} or password_file: PATH beside it")
	case password && !keys.Has("user"):
		keys.Errorf("user", "is missing beside the password; write user: NAME")
	}
	if s.TLS != nil && strings.HasPrefix(s.Address, "http://") {
		keys.Errorf("tls", "contradicts the address, which starts with http://; write https://, or leave tls out")
	}
}

// Check refuses half a client certificate.
func (t *TLS) Check(keys strict.Keys) {
	if keys.Has("cert") && !keys.Has("key") {
		keys.Errorf("key", "is missing beside cert; write the path of the certificate's key")
	}
	if keys.Has("key") && !keys.Has("cert") {
		keys.Errorf("cert", "is missing beside key; write the path of the certificate")
	}
}

// Check refuses an index type that its metric type can't have in any version of Milvus 2.x.
func (i *Index) Check(keys strict.Keys) {
	for misplaced, key := range map[string]string{"metric_type": "metric", "index_type": "type"} {
		if _, ok := i.Params[misplaced]; ok {
			keys.Errorf("params."+misplaced, "is misplaced; write it as %s, beside params", key)
		}
	}
	if clash := i.clash(); clash != "" {
		keys.Errorf("type", "%s", clash)
	}
}

// clash says how type and metric contradict each other, or "".
func (i *Index) clash() string {
	if i.Type == "" || i.Metric == "" {
		return ""
	}
	binary := strings.HasPrefix(i.Type, "BIN_") || i.Type == "MINHASH_LSH"
	switch {
	case binary && slices.Contains(floatMetrics, i.Metric):
		return i.Type + " is for binary vectors, and metric " + i.Metric + " is not; write a type for float vectors, such as HNSW"
	case strings.HasSuffix(i.Metric, "STRUCTURE") && i.Type != "BIN_FLAT":
		return i.Type + " can't have metric " + i.Metric + "; write BIN_FLAT"
	case (i.Metric == "MHJACCARD") != (i.Type == "MINHASH_LSH"):
		return i.Type + " can't have metric " + i.Metric + "; MINHASH_LSH and MHJACCARD go together only"
	}
	return ""
}

// Check refuses a level without compression.
func (t *HDF5Target) Check(keys strict.Keys) {
	if keys.Has("level") && t.Compression == NoCompression {
		keys.Errorf("level", "is gzip's; write compression: gzip beside it, or leave it out")
	}
}

// checkMilvusTarget refuses what contradicts itself in how rows get into a Milvus: in the keys of the target and of the
// copy, which are named by their paths.
func checkMilvusTarget(keys strict.Keys, source *Source, t *MilvusTarget, target, copy string) {
	onExisting := copy + "on_existing"
	switch {
	case !keys.Has(onExisting):
	case t.Mode == Skip || t.Mode == Overwrite:
		keys.Errorf(onExisting, "is for mode append, and %smode is %s; leave it out", target, t.Mode)
	case t.IDs == NewIDs:
		keys.Errorf(onExisting, "is for keys that are kept, and %sids is new; leave it out", target)
	}
	if first := copy + "release_first"; keys.Has(first) && (t.Mode != Overwrite || t.Partition != "") {
		keys.Errorf(first, "is for mode overwrite of a whole collection; leave it out")
	}
	ids, accept := target+"ids", target+"accept_repeats"
	switch {
	case source.files() && keys.Has(ids):
		keys.Errorf(ids, "is for collections of a Milvus; leave it out")
	case t.IDs == NewIDs && !t.AcceptRepeats:
		keys.Errorf(ids, "new can leave duplicate rows when a server or a worker fails, since nothing can detect them; write accept_repeats: true "+
			"beside it, or ids: keep")
	case t.IDs == NewIDs && keys.Has(copy+"verify"):
		keys.Errorf(copy+"verify", "compares by key, and %sids is new; leave it out", target)
	case t.IDs != NewIDs && keys.Has(accept):
		keys.Errorf(accept, "is for ids: new; leave it out")
	}
}

// checkHDF5Copy refuses keys of the copy that have no meaning where rows go into files.
func checkHDF5Copy(keys strict.Keys, copy string) {
	for _, key := range []string{"on_existing", "release_first", "write_timeout", "writers", "range_rows", "flush_every"} {
		if keys.Has(copy + key) {
			keys.Errorf(copy+key, "is for targets on a Milvus; leave it out")
		}
	}
}

// checkSourceKind refuses keys of the copy that have no meaning for its kind of source.
func checkSourceKind(keys strict.Keys, source *Source, c *Copy, copy string) {
	duplicate := copy + "on_duplicate"
	switch ordered := source.Kind().Ordered(); {
	case ordered && c.OnDuplicate == DuplicateOne:
		keys.Errorf(duplicate, "one is for collections of a Milvus, which have no order; write last or fail")
	case !ordered && c.OnDuplicate == DuplicateLast:
		keys.Errorf(duplicate, "last is for files, whose rows have an order; write one or fail")
	}
	if source.files() && keys.Has(copy+"collections") {
		keys.Errorf(copy+"collections", "is for several collections of a Milvus, and files are one; leave it out")
	}
	if !source.files() && keys.Has(copy+"allow_lossy") {
		keys.Errorf(copy+"allow_lossy", "is for files, which may hold quantised vectors; leave it out")
	}
}
