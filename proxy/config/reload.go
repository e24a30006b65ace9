package config

import (
	"reflect"
	"strings"
)

// Reload says what a running proxy makes of a changed configuration: c with what
// can change while it runs taken from next, and the names of the other fields
// that differ, which wait for the next start. Domains, Aliases, Advertise (that of Listeners
// too), Egress, Limits.Trusted, Authentication, TokenHours, LogLevel, DrainSeconds and the times of Registrar can
// change.
func (c *Config) Reload(next *Config) (now *Config, waiting []string) {
	merged := *next
	merged.Cluster, merged.Ports, merged.Registrar.MaxContacts = c.Cluster, c.Ports, c.Registrar.MaxContacts
	merged.Limits = c.Limits
	merged.Limits.Trusted = next.Limits.Trusted
	merged.Listeners = reloadListeners(c.Listeners, next.Listeners)
	merged.MaxRingSeconds, merged.SharedAddresses = c.MaxRingSeconds, c.SharedAddresses
	merged.MaxTransactions, merged.UDPLoops, merged.Profiling = c.MaxTransactions, c.UDPLoops, c.Profiling
	merged.ControlSocket, merged.LocalApp = c.ControlSocket, c.LocalApp
	return &merged, differing(reflect.ValueOf(merged), reflect.ValueOf(*next), "")
}

// differing names the fields in which two values of a type differ, as they stand
// in the file.
func differing(a, b reflect.Value, prefix string) (names []string) {
	for i := range a.NumField() {
		name, _, _ := strings.Cut(a.Type().Field(i).Tag.Get("json"), ",")
		switch {
		case a.Field(i).Kind() == reflect.Struct:
			names = append(names, differing(a.Field(i), b.Field(i), prefix+name+".")...)
		case !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()):
			names = append(names, prefix+name)
		}
	}
	return names
}
