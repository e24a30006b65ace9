package kubectl

import (
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// lackError is the want of a right.
type lackError struct {
	verb, resource, namespace string
	cause                     error
}

func (e *lackError) Error() string {
	where := fmt.Sprintf("in namespace %q", e.namespace)
	if e.namespace == "" {
		where = "in all namespaces"
	}
	return fmt.Sprintf("you lack the right to %s %s %s: %v", e.verb, e.resource, where, e.cause)
}

func (e *lackError) Unwrap() error { return e.cause }

// lacks says of an error for want of a right which one that is. Others are returned
// as they are, and so is nil.
func lacks(err error, verb, resource, namespace string) error {
	if err == nil || !apierrors.IsForbidden(err) {
		return err
	}
	return &lackError{verb: verb, resource: resource, namespace: namespace, cause: err}
}
