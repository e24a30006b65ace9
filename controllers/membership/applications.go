package membership

import "github.com/sipring/sipring/proxy/config"

// ApplicationState is what is known of the application beside a member, as
// config.ApplicationReport has it.
type ApplicationState string

// The states.
const (
	// ApplicationServing: it takes calls.
	ApplicationServing ApplicationState = "Serving"
	// ApplicationDown: it does not.
	ApplicationDown ApplicationState = "Down"
	// ApplicationLeaving: it ends the calls that it has, and gets no new ones.
	ApplicationLeaving ApplicationState = "Leaving"
	// ApplicationUnknown: its proxy does not say, or what no version before knew.
	ApplicationUnknown ApplicationState = "Unknown"
)

// Application is what is known of the one beside a member.
type Application struct {
	Member string
	State  ApplicationState
}

// Applications are those beside the active members of the set, in its order, as the
// members' present processes report.
func Applications(in *Input, set *config.MemberSet) []Application {
	said := map[string]*config.Report{}
	for _, w := range witnesses(in, set) {
		said[w.name] = w.report
	}
	var all []Application
	for _, m := range set.Members {
		if m.State == config.Active {
			all = append(all, Application{m.Name, applicationState(said[m.Name])})
		}
	}
	return all
}

func applicationState(r *config.Report) ApplicationState {
	if r == nil || r.Application == nil {
		return ApplicationUnknown
	}
	switch state := ApplicationState(r.Application.State); state {
	case ApplicationServing, ApplicationDown, ApplicationLeaving:
		return state
	}
	return ApplicationUnknown
}
