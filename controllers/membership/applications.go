package membership

import "github.com/sipring/sipring/proxy/config"

// Application is what is known of the one beside a member.
type Application struct {
	Member string
	State  config.ApplicationState
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

func applicationState(r *config.Report) config.ApplicationState {
	if r == nil || r.Application == nil {
		return config.ApplicationUnknown
	}
	switch state := r.Application.State; state {
	case config.ApplicationServing, config.ApplicationDown, config.ApplicationLeaving:
		return state
	}
	return config.ApplicationUnknown
}
