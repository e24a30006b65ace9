package controllers

import (
	"context"
	"errors"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/sipring/sipring/api/v1alpha1"
)

// fault is something that could not be carried out. reason is one of
// ConditionDegraded, empty where trying again is expected to help.
type fault struct {
	reason string
	err    error
}

// stalls says that trying again does not help: what was asked for is refused, or
// somebody else's object is in the way.
func (f fault) stalls() bool {
	switch f.reason {
	case v1alpha1.ReasonNamespaceTerminating:
		return false
	case v1alpha1.ReasonReadFailed, v1alpha1.ReasonPublishFailed, v1alpha1.ReasonApplyFailed:
		return refused(f.err)
	}
	return f.reason != ""
}

// refused finds the API server's refusal in an error, which may join several.
func refused(err error) bool {
	var several interface{ Unwrap() []error }
	if errors.As(err, &several) {
		return slices.ContainsFunc(several.Unwrap(), refused)
	}
	return apierrors.IsInvalid(err) || apierrors.IsForbidden(err) || apierrors.IsBadRequest(err)
}

type templateError struct{ error }

func (e *templateError) Unwrap() error { return e.error }

type keysError struct{ error }

func (e *keysError) Unwrap() error { return e.error }

type credentialsError struct{ error }

func (e *credentialsError) Unwrap() error { return e.error }

type certificatesError struct{ error }

func (e *certificatesError) Unwrap() error { return e.error }

type privilegeError struct{ error }

func (e *privilegeError) Unwrap() error { return e.error }

// classify gives a fault its reason: otherwise where the error has none of its own.
func classify(err error, otherwise string) fault {
	var ofKubernetes *protectedError
	var byOthers *ForeignError
	var template *templateError
	var keys *keysError
	var users *credentialsError
	var certificates *certificatesError
	var volumes *claimsError
	var privilege *privilegeError
	switch {
	case isEnding(err):
		return fault{v1alpha1.ReasonNamespaceTerminating, err}
	case errors.As(err, &ofKubernetes):
		return fault{v1alpha1.ReasonNamespaceProtected, err}
	case errors.As(err, &byOthers):
		return fault{v1alpha1.ReasonNameConflict, err}
	case errors.As(err, &keys):
		return fault{v1alpha1.ReasonKeysUnusable, err}
	case errors.As(err, &users):
		return fault{v1alpha1.ReasonCredentialsUnusable, err}
	case errors.As(err, &certificates):
		return fault{v1alpha1.ReasonCertificatesUnusable, err}
	case errors.As(err, &volumes):
		return fault{v1alpha1.ReasonVolumeClaimsDiffer, err}
	case errors.As(err, &privilege):
		return fault{v1alpha1.ReasonNamespaceNotPrivileged, err}
	case errors.As(err, &template):
		return fault{v1alpha1.ReasonInvalidTemplate, err}
	case strings.Contains(err.Error(), "port is already allocated"):
		return fault{v1alpha1.ReasonPortClash, err}
	case apierrors.IsInvalid(err):
		return fault{v1alpha1.ReasonApplyFailed, err}
	case apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) || apierrors.IsServerTimeout(err) ||
		apierrors.IsTooManyRequests(err) || errors.Is(err, context.Canceled):
		return fault{"", err}
	}
	return fault{otherwise, err}
}

func joined(faults []fault) error {
	errs := make([]error, 0, len(faults))
	for _, f := range faults {
		errs = append(errs, f.err)
	}
	return errors.Join(errs...)
}
