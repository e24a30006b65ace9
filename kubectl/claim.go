package kubectl

import (
	"context"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/desired"
)

// awayAfter is for how long an operator may not have renewed its claim of a cluster
// before that is told: it does every few seconds, and clocks differ.
const awayAfter = time.Minute

// unattended warns of a cluster that no operator carries out, as the claim of it says:
// what its status says is old then. An operator that makes no claims has no Lease.
func (a *api) unattended(ctx context.Context, c *v1alpha1.SIPCluster) (warnings []string) {
	l, err := a.kube.CoordinationV1().Leases(c.Namespace).Get(ctx, desired.ClaimName(c.Name), metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		return []string{"whether an operator carries this cluster out is not known: " + lacks(err, "get", "leases.coordination.k8s.io", c.Namespace).Error()}
	}
	if away := awayOf(l, a.now()); away != "" {
		return []string{away}
	}
	return nil
}

// awayOf says since when nobody renews the claim; empty where somebody does.
func awayOf(l *coordinationv1.Lease, now time.Time) string {
	switch at := l.Spec.RenewTime; {
	case l.Spec.HolderIdentity == nil || *l.Spec.HolderIdentity == "":
		return "no operator carries this cluster out: the last one stopped in order; the conditions are of before"
	case at == nil:
		return "no operator carries this cluster out; the conditions are old"
	case now.Sub(at.Time) > awayAfter:
		return "no operator carries this cluster out since " + at.UTC().Format(time.RFC3339) + "; the conditions are of then"
	}
	return ""
}
