package kubectl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// runTime bounds one question to one proxy by exec.
const runTime = 20 * time.Second

// ask runs a subcommand in a pod and reads its answer.
func (a *api) ask(ctx context.Context, pod *corev1.Pod, into any, subcommand string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, runTime)
	defer cancel()
	out := &bounded{left: maxAnswer}
	if err := a.run(ctx, pod, out, subcommand, args...); err != nil {
		return err
	}
	if out.overflow {
		return fmt.Errorf("%s: its answer is longer than %d bytes", pod.Name, maxAnswer)
	}
	if err := json.Unmarshal([]byte(out.String()), into); err != nil {
		return fmt.Errorf("%s: its answer cannot be read: %w", pod.Name, err)
	}
	return nil
}

// askAny asks the pods one after the other until one answers: those that are ready first.
func (a *api) askAny(ctx context.Context, pods []corev1.Pod, into any, subcommand string, args ...string) error {
	order := slices.Clone(pods)
	slices.SortStableFunc(order, func(x, y corev1.Pod) int { return unready(&x) - unready(&y) })
	var all error
	for i := range order {
		err := a.ask(ctx, &order[i], into, subcommand, args...)
		var lack *lackError
		if err == nil || errors.As(err, &lack) || ctx.Err() != nil {
			return err
		}
		all = errors.Join(all, err)
	}
	return all
}

// unready is 0 of a pod that is ready, else 1.
func unready(pod *corev1.Pod) int {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
			return 0
		}
	}
	return 1
}

// podNamed is the one of that name; nil where there is none.
func podNamed(pods []corev1.Pod, name string) *corev1.Pod {
	for i := range pods {
		if pods[i].Name == name {
			return &pods[i]
		}
	}
	return nil
}
