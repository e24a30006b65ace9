package membership

import "slices"

// over are those of the evicted whose processes ended: of the members that say that
// they do not reach it, more say that nothing listens at its port than do not. It
// decides nothing but what people are told: an eviction is one for either reason.
func over(evicted []string, members []*candidate, said map[string]Report) []string {
	byName := make(map[string]*candidate, len(members))
	for _, c := range members {
		byName[c.pod.Name] = c
	}
	var names []string
	for _, name := range evicted {
		sure := 0
		for reporter, r := range said {
			by := byName[reporter]
			if by == nil || reporter == name || stale(r, by.pod) || stale(r, byName[name].pod) || !slices.Contains(r.Suspects, name) {
				continue
			}
			if slices.Contains(r.Ended, name) {
				sure++
			} else {
				sure--
			}
		}
		if sure > 0 {
			names = append(names, name)
		}
	}
	return names
}
