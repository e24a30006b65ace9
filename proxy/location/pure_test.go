package location

// applied is what applying one REGISTER to a record gives.
func applied(now int64, r Record, u *Update, lim Limits, clock uint64, node uint32) (Record, Result) {
	var a applier
	return a.apply(now, r, u, lim, Version{Counter: clock, Node: node})
}

// merged is what merging two records gives.
func merged(a, b Record) Record { return Record{appendMerge(nil, a, b)} }
