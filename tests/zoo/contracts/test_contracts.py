"""The dynamics and proposer contracts, each on a small real method."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import metazoo
from metazoo.serving import export


class BayesianLinear(metazoo.DynamicsLearner):
    """x' = K [x, u] + noise; the state is the posterior of K.

    Conjugate normal model with known noise: with features f = [x, u], the
    precision is prior + sum f f' and the moment sum f x'.
    """

    recursive = True

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.log_prior = self.add_weight(shape=(), initializer="zeros")
        self.build()

    @property
    def features(self):
        return self.observation_size + self.action_size

    def state_spec(self):
        f, x = self.features, self.observation_size
        return {
            "precision": tf.TensorSpec([None, f, f], name="precision"),
            "moment": tf.TensorSpec([None, f, x], name="moment"),
        }

    def prediction_names(self):
        return ("mean", "scale")

    def initial_state(self, num_tasks):
        f, x = self.features, self.observation_size
        prior = tf.exp(tf.convert_to_tensor(self.log_prior))
        return {
            "precision": prior * tf.eye(f, batch_shape=[num_tasks]),
            "moment": tf.zeros([num_tasks, f, x]),
        }

    def update_state(self, transitions, state):
        f = tf.concat([transitions["observations"], transitions["actions"]], -1)
        y = transitions["next_observations"]
        return {
            "precision": state["precision"] + tf.matmul(f, f, True),
            "moment": state["moment"] + tf.matmul(f, y, True),
        }

    def predict_from_state(self, query, state):
        f = tf.concat([query["query_observations"], query["query_actions"]], -1)
        solved = tf.linalg.solve(
            state["precision"], tf.linalg.matrix_transpose(f)
        )
        variance = 1.0 + tf.einsum("tqf,tfq->tq", f, solved)
        mean = tf.matmul(solved, state["moment"], transpose_a=True)
        return {"mean": mean, "scale": tf.sqrt(variance)}

    def meta_loss(self, past, future):
        query = {
            "query_observations": future["observations"],
            "query_actions": future["actions"],
        }
        found = self.predict_from_state(query, self.adapt_state(past))
        error = tf.square(future["next_observations"] - found["mean"])
        return tf.reduce_mean(tf.reduce_sum(error, -1))


def systems(num_tasks=3, count=6, seed=0):
    """Transitions of random linear systems, one per task."""
    rng = np.random.default_rng(seed)
    k = rng.normal(size=(num_tasks, 3, 2))
    x = rng.normal(size=(num_tasks, count, 2))
    u = rng.normal(size=(num_tasks, count, 1))
    noise = 0.1 * rng.normal(size=x.shape)
    return {
        "observations": x.astype(np.float32),
        "actions": u.astype(np.float32),
        "next_observations": (np.concatenate([x, u], -1) @ k + noise).astype(
            np.float32
        ),
        "transition_mask": np.ones((num_tasks, count), bool),
    }


def posterior(transitions, t):
    """Closed form in NumPy: precision and mean of K for one task."""
    real = transitions["transition_mask"][t]
    f = np.concatenate(
        [transitions["observations"], transitions["actions"]], -1
    )[t][real].astype(float)
    y = transitions["next_observations"][t][real].astype(float)
    precision = np.eye(3) + f.T @ f
    return precision, np.linalg.inv(precision) @ f.T @ y


@pytest.fixture(scope="module")
def dynamics():
    return BayesianLinear(observation_size=2, action_size=1)


@pytest.fixture(scope="module")
def served_dynamics(dynamics, tmp_path_factory):
    base = tmp_path_factory.mktemp("models") / "linear"
    version = export(dynamics, base, warmup=False)
    return tf.saved_model.load(str(version)).signatures


def as_tensors(arrays):
    return {name: tf.constant(value) for name, value in arrays.items()}


def test_dynamics_endpoints_follow_from_the_specs(dynamics, served_dynamics):
    names = [signature.name for signature in dynamics.signatures()]
    assert names == ["adapt_predict", "adapt", "predict", "update"]
    assert set(served_dynamics) == {*names, "serving_default"}
    assert dynamics.contract == "dynamics"


def test_served_dynamics_equal_the_closed_form_posterior(served_dynamics):
    transitions = systems()
    transitions["transition_mask"][1, 4:] = False
    transitions["observations"][1, 5] = np.nan
    state = served_dynamics["adapt"](**as_tensors(transitions))
    query = systems(seed=1)
    asked = {
        "query_observations": tf.constant(query["observations"]),
        "query_actions": tf.constant(query["actions"]),
    }
    found = served_dynamics["predict"](**asked, **state)
    for t in range(3):
        precision, mean = posterior(transitions, t)
        np.testing.assert_allclose(state["precision"][t], precision, rtol=1e-5)
        f = np.concatenate([query["observations"], query["actions"]], -1)[t]
        np.testing.assert_allclose(found["mean"][t], f @ mean, atol=1e-4)
        variance = 1 + np.einsum("qf,fg,qg->q", f, np.linalg.inv(precision), f)
        np.testing.assert_allclose(found["scale"][t] ** 2, variance, rtol=1e-4)


def test_served_updates_equal_one_adaptation(served_dynamics):
    transitions = systems()
    whole = served_dynamics["adapt"](**as_tensors(transitions))
    halves = [
        as_tensors({name: v[:, part] for name, v in transitions.items()})
        for part in (slice(0, 3), slice(3, 6))
    ]
    state = served_dynamics["adapt"](**halves[0])
    state = served_dynamics["update"](**halves[1], **state)
    for name, value in whole.items():
        np.testing.assert_allclose(state[name], value, atol=1e-4)


def test_served_adaptation_to_nothing_is_the_prior(served_dynamics):
    transitions = systems(num_tasks=1)
    transitions["transition_mask"][:] = False
    state = served_dynamics["adapt"](**as_tensors(transitions))
    np.testing.assert_allclose(state["precision"][0], np.eye(3))
    np.testing.assert_allclose(state["moment"], 0.0)


def test_faulty_system_spoils_no_other(served_dynamics):
    transitions = systems()
    transitions["actions"][1, 0] = np.inf
    state = served_dynamics["adapt"](**as_tensors(transitions))
    assert np.isnan(state["moment"][1]).all()
    assert np.isfinite(state["moment"][0]).all()
    assert np.isfinite(state["moment"][2]).all()


def test_dynamics_train_on_pairs_of_past_and_future(dynamics):
    pairs = systems(num_tasks=64, count=8, seed=2)
    past, future = (
        {name: value[:, part] for name, value in pairs.items()}
        for part in (slice(0, 4), slice(4, 8))
    )
    learner = BayesianLinear.from_config(dynamics.get_config())
    learner.compile(optimizer=keras.optimizers.Adam(0.1))
    source = tf.data.Dataset.from_tensor_slices((past, future)).batch(32)
    before = learner.evaluate(source, verbose=0)
    learner.fit(source, epochs=10, shuffle=False, verbose=0)
    assert learner.evaluate(source, verbose=0) < before
    # Little noise: the prior must not hold the estimate back.
    assert float(learner.log_prior) < -0.5


class RandomSearch(metazoo.Proposer):
    """Uniform configurations in [0, 1]; remembers the best."""

    def __init__(self, size=2, **kwargs):
        super().__init__(**kwargs)
        self.size = size
        self.build()

    def task_spec(self):
        return {"seed": tf.TensorSpec([None, 2], tf.int32, "seed")}

    def state_spec(self):
        size = [None, self.size]
        return {
            "next_seed": tf.TensorSpec([None, 2], tf.int32, "next_seed"),
            "best_config": tf.TensorSpec(size, tf.float32, "best_config"),
            "best_cost": tf.TensorSpec([None], tf.float32, "best_cost"),
        }

    def result_spec(self):
        return {
            "tried": tf.TensorSpec([None, self.size], tf.float32, "tried"),
            "cost": tf.TensorSpec([None], tf.float32, "cost"),
        }

    def proposal_names(self):
        return ("config",)

    def initial_state(self, task):
        tasks = tf.shape(task["seed"])[0]
        return {
            "next_seed": task["seed"],
            "best_config": tf.zeros([tasks, self.size]),
            "best_cost": tf.fill([tasks], 1e9),
        }

    def propose(self, context, state):
        config = tf.map_fn(
            lambda seed: tf.random.stateless_uniform([self.size], seed),
            state["next_seed"],
            fn_output_signature=tf.float32,
        )
        following = state["next_seed"] + tf.constant([0, 1])
        return {"config": config}, {**state, "next_seed": following}

    def observe(self, result, state):
        better = result["cost"] < state["best_cost"]
        return {
            **state,
            "best_config": tf.where(
                better[:, None], result["tried"], state["best_config"]
            ),
            "best_cost": tf.where(better, result["cost"], state["best_cost"]),
        }

    def objective(self, result):
        return result["cost"]


@pytest.fixture(scope="module")
def served_search(tmp_path_factory):
    base = tmp_path_factory.mktemp("models") / "search"
    version = export(RandomSearch(), base, warmup=False)
    return tf.saved_model.load(str(version)).signatures


def run_search(served, seeds, steps=40):
    """A client's loop; minimises the distance to (0.3, 0.7)."""
    state = served["initial_state"](seed=tf.constant(seeds, tf.int32))
    for _ in range(steps):
        answer = served["propose"](**state)
        config = answer.pop("config")
        cost = tf.norm(config - [0.3, 0.7], axis=-1)
        state = served["observe"](tried=config, cost=cost, **answer)
    return {name: value.numpy() for name, value in state.items()}


def test_served_proposer_searches_and_repeats_itself(served_search):
    both = run_search(served_search, [[0, 0], [5, 0]])
    assert (both["best_cost"] < 0.2).all()
    np.testing.assert_allclose(
        both["best_cost"],
        np.linalg.norm(both["best_config"] - [0.3, 0.7], axis=-1),
        rtol=1e-5,
    )
    alone = run_search(served_search, [[5, 0]])
    for name, value in alone.items():
        np.testing.assert_array_equal(value[0], both[name][1])


def test_faulty_result_spoils_its_own_task_only(served_search):
    state = served_search["initial_state"](seed=tf.zeros([2, 2], tf.int32))
    found = served_search["observe"](
        tried=tf.ones([2, 2]), cost=tf.constant([np.nan, 1.0]), **state
    )
    assert np.isnan(found["best_cost"][0])
    assert found["best_cost"][1] == 1.0


class OuterProduct(metazoo.Proposer):
    """Weights made for a description alone: no state, no results."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.build()

    def context_spec(self):
        return {"code": tf.TensorSpec([None, None], tf.float32, "code")}

    def proposal_names(self):
        return ("weights", "biases")

    def propose(self, context, state):
        code = context["code"]
        weights = code[:, :, None] * code[:, None, :]
        return {"weights": weights, "biases": code}, {}


def test_stateless_proposer_serves_proposals_alone(tmp_path):
    learner = OuterProduct()
    assert [s.name for s in learner.signatures()] == ["propose"]
    version = export(learner, tmp_path / "model", warmup=False)
    served = tf.saved_model.load(str(version)).signatures["propose"]
    found = served(code=tf.constant([[1.0, 2.0]]))["weights"]
    np.testing.assert_array_equal(found, [[[1, 2], [2, 4]]])


def test_contracts_share_their_base():
    for contract in (metazoo.DynamicsLearner, metazoo.Proposer):
        assert issubclass(contract, metazoo.MetaLearner)
    with pytest.raises(NotImplementedError):
        metazoo.Proposer().signatures()
