"""Sum a function over the task axis, one task in memory at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

TaskFn = Callable[[Any, tf.Tensor], Any]


def accumulate_over_tasks(
    fn: TaskFn,
    tensors: Any,
    like: Any,
    collect: Any = None,
    tasks_per_chunk: int = 1,
) -> Any:
    """Sums `fn` over tasks in a loop whose graph does not grow with them.

    `fn` computes a task's whole contribution, gradients included: with the
    tape inside `fn`, only the activations of one task are alive. With the
    tape outside, the loop would keep those of all tasks.

    Args:
        fn: From one task's tensors (the structure of `tensors` without the
            task axis) and its index (scalar int32) to the structure of
            `like`; or, with `collect`, to a pair of that and the structure
            of `collect`.
        tensors: Structure of tensors `[tasks, ...]`. None entries are
            handed through.
        like: Structure of tensors, variables, `tf.TensorSpec` or floats
            that gives structure, shape and dtype of the sums.
        collect: Structure of `tf.TensorSpec` of what `fn` returns for each
            task besides, or None.
        tasks_per_chunk: Number of tasks in one iteration of the loop; must
            divide the number of tasks.

    Returns:
        The sums; or, with `collect`, the sums and the collected values
        `[tasks, ...]`.

    Raises:
        ValueError: If `tensors` is empty or its leading axes differ, or
            `tasks_per_chunk` does not divide the number of tasks.
    """
    tensors = tf.nest.map_structure(
        lambda t: None if t is None else tf.convert_to_tensor(t), tensors
    )
    static, num_tasks = _num_tasks(tensors)
    _check_chunk(tasks_per_chunk, static)
    arrays = _arrays(collect, num_tasks)

    def add(task: tf.Tensor, sums: Any, arrays: Any) -> tuple[Any, Any]:
        values = fn(_take(tensors, task), task)
        if collect is None:
            return _add(sums, values), arrays
        values, extra = values
        tf.nest.assert_same_structure(collect, extra)
        arrays = tf.nest.map_structure(
            lambda array, value: array.write(task, value), arrays, extra
        )
        return _add(sums, values), arrays

    def body(task: tf.Tensor, sums: Any, arrays: Any) -> tuple[Any, Any, Any]:
        for _ in range(tasks_per_chunk):
            sums, arrays = add(task, sums, arrays)
            task += 1
        return task, sums, arrays

    _, sums, arrays = tf.while_loop(
        lambda task, *_: task < num_tasks,
        body,
        (tf.constant(0), tf.nest.map_structure(_zeros, like), arrays),
        parallel_iterations=1,
        maximum_iterations=num_tasks // tasks_per_chunk,
    )
    if collect is None:
        return sums
    return sums, tf.nest.map_structure(lambda array: array.stack(), arrays)


def _num_tasks(tensors: Any) -> tuple[int | None, int | tf.Tensor]:
    flat = [t for t in tf.nest.flatten(tensors) if t is not None]
    if not flat:
        raise ValueError("tensors: got none, expected one or more.")
    sizes = {t.shape[0] for t in flat} - {None}
    if len(sizes) > 1:
        raise ValueError(
            f"tensors: got task axes of lengths {sorted(sizes)}, expected "
            "one length."
        )
    if sizes:
        static = sizes.pop()
        return static, static
    return None, tf.shape(flat[0])[0]


def _check_chunk(tasks_per_chunk: int, num_tasks: int | None) -> None:
    if tasks_per_chunk == 1:
        return
    if num_tasks is None or tasks_per_chunk < 1 or num_tasks % tasks_per_chunk:
        raise ValueError(
            f"tasks_per_chunk: got {tasks_per_chunk}, expected a divisor of "
            f"the static number of tasks, {num_tasks}."
        )


def _arrays(collect: Any, num_tasks: int | tf.Tensor) -> Any:
    if collect is None:
        return ()
    return tf.nest.map_structure(
        lambda spec: tf.TensorArray(
            spec.dtype, num_tasks, element_shape=spec.shape
        ),
        collect,
    )


def _take(tensors: Any, task: tf.Tensor) -> Any:
    return tf.nest.map_structure(
        lambda tensor: None if tensor is None else tensor[task], tensors
    )


def _zeros(like: Any) -> tf.Tensor:
    if isinstance(like, tf.TensorSpec):
        return tf.zeros(like.shape, like.dtype)
    return tf.zeros_like(tf.convert_to_tensor(like))


def _add(sums: Any, values: Any) -> Any:
    tf.nest.assert_same_structure(sums, values)
    return tf.nest.map_structure(_add_one, sums, values)


def _add_one(total: tf.Tensor, value: Any) -> tf.Tensor:
    if value is None:
        raise ValueError(
            "fn: returned None for a sum, expected a tensor; for gradients "
            "pass unconnected_gradients=tf.UnconnectedGradients.ZERO."
        )
    return total + tf.convert_to_tensor(value)
