"""The commands `fit` and `certify`."""

import csv
import json
import sys

import numpy as np
import pytest
from helpers import gaussian_problem

from cvxnn import GatedNetwork, Network, ReLUClassifier, ReLURegressor, certify
from cvxnn.__main__ import main

X, Y = gaussian_problem(30, 2, seed=0)
LABELS = np.where(Y > 0.0, "yes", "no")
KEYS = ["scope", "method", "beta", "loss", "bias", "n_neurons", "n_cells", "features", "classes"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write("data.csv")
    return tmp_path


def write(name, *, header=("a", "b", "name", "y", "label"), rows=slice(None), changes=(), **form):
    """Write two features, a text, a number and a label; changes are (row, column, field)."""
    table = [
        [repr(float(value)) for value in x] + [f"n{k}", repr(float(y)), label]
        for k, (x, y, label) in enumerate(zip(X, Y, LABELS, strict=True))
    ]
    for row, column, field in changes:
        table[row][column] = field
    with open(name, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, **form).writerows([header, *table[rows]])


def run(capsys, *arguments):
    """Exit code, standard output and error stream of the command."""
    try:
        code = main([*map(str, arguments)])
    except SystemExit as error:
        code = error.code
    return code, *capsys.readouterr()


def run_json(capsys, *arguments):
    code, output, errors = run(capsys, *arguments, "--json")
    assert (code, errors) == (0, "")
    return json.loads(output)


def check_same(again, found):
    """The same network on the same data, whose sums may be rounded in another order."""
    assert {key: again[key] for key in KEYS} == {key: found[key] for key in KEYS}
    assert again["objective"] == pytest.approx(found["objective"], rel=1e-12)
    assert again["lower_bound"] == pytest.approx(found["lower_bound"], rel=1e-12)


REGRESSION = ["data.csv", "--target", "y", "--drop", "name", "label", "--beta", "0.1"]
CLASSIFICATION = ["data.csv", "--target", "label", "--drop", "name", "y", "--beta", "0.1"]


def test_fit_a_regressor_and_certify_it(capsys):
    found = run_json(capsys, "fit", *REGRESSION, "--output", "net.npz", "--n-jobs", 1)
    model = ReLURegressor(0.1, n_jobs=1).fit(X, Y)
    for key in ("objective", "lower_bound", "relative_gap", "scope", "method", "n_cells"):
        assert found[key] == getattr(model.certificate_, key)
    assert found["status"] == "converged"
    assert found["n_neurons"] == model.network_.n_neurons
    assert found["r2"] == pytest.approx(model.score(X, Y), rel=1e-12)
    assert (found["n_samples"], found["n_features"], found["features"]) == (30, 2, ["a", "b"])
    assert (found["classes"], found["output"]) == (None, "net.npz")
    assert Network.load("net.npz").predict(X).tolist() == model.predict(X).tolist()
    again = run_json(capsys, "certify", "net.npz", *REGRESSION)
    check_same(again, found)
    assert again["r2"] == pytest.approx(found["r2"], rel=1e-12)


def test_fit_a_classifier_and_certify_it(capsys):
    found = run_json(capsys, "fit", *CLASSIFICATION, "--classify", "--output", "net.npz")
    model = ReLUClassifier(0.1).fit(X, LABELS)
    assert found["objective"] == model.certificate_.objective
    assert found["classes"] == ["no", "yes"]
    assert found["accuracy"] == model.score(X, LABELS)
    assert found["loss"] == "logistic"
    again = run_json(capsys, "certify", "net.npz", *CLASSIFICATION)
    check_same(again, found)
    assert again["accuracy"] == found["accuracy"]


def test_tables(capsys):
    code, output, errors = run(capsys, "fit", *REGRESSION, "--output", "net.npz")
    assert (code, errors) == (0, "")
    rows = dict(line.split("  ", 1) for line in output.splitlines())
    titles = ["status", "objective", "lower bound", "relative gap", "scope", "neurons"]
    assert list(rows) == [*titles, "train R^2", "output"]
    assert rows["status"].strip() == "converged"
    assert rows["scope"].strip() == "global"
    assert rows["output"].strip() == "net.npz"
    assert float(rows["lower bound"]) <= float(rows["objective"])
    code, output, errors = run(capsys, "certify", "net.npz", *REGRESSION)
    assert (code, errors) == (0, "")
    again = dict(line.split("  ", 1) for line in output.splitlines())
    assert list(again) == [*titles[1:], "train R^2"]
    assert again["objective"].strip() == rows["objective"].strip()
    _, output, _ = run(capsys, "fit", *CLASSIFICATION, "--classify")
    assert "train accuracy  " in output
    assert "output" not in output


def test_options_reach_the_estimator(capsys):
    options = ["--bias", "none", "--tol", "1e-8", "--patterns", "9", "--seed", "3"]
    found = run_json(capsys, "fit", *REGRESSION, *options, "--loss", "squared")
    model = ReLURegressor(0.1, bias="none", tol=1e-8, patterns=9, random_state=3).fit(X, Y)
    assert found["objective"] == model.certificate_.objective
    assert found["lower_bound"] == model.certificate_.lower_bound
    assert (found["bias"], found["scope"], found["n_cells"]) == ("none", "patterns", 9)
    assert found["relative_gap"] <= 1e-8
    other = run_json(capsys, "fit", *REGRESSION, *options[:-1], "4")
    assert other["objective"] != found["objective"]
    assert run_json(capsys, "fit", *REGRESSION, "--patterns", "exact")["scope"] == "global"


def test_time_limit_is_a_status(capsys):
    found = run_json(capsys, "fit", *REGRESSION, "--tol", "1e-12", "--max-time", "1e-9")
    assert found["status"] == "time_limit"
    assert found["lower_bound"] < found["objective"]


def test_certify_networks_from_elsewhere(capsys):
    network = Network([[1.0, -1.0], [0.5, 0.0]], [0.0, 0.0], [[1.0], [-1.0]], [0.0])
    network.save("net.npz")
    arguments = ["certify", "net.npz", *REGRESSION, "--bias", "none", "--tol", "1e-6"]
    found = run_json(capsys, *arguments)
    certificate = certify(network, X, Y, beta=0.1, bias="none", tol=1e-6)
    assert found["objective"] == certificate.objective
    assert found["lower_bound"] == certificate.lower_bound
    found = run_json(capsys, "certify", "net.npz", *CLASSIFICATION, "--loss", "logistic")
    certificate = certify(network, X, np.sign(Y), beta=0.1, loss="logistic")
    assert found["objective"] == certificate.objective
    assert found["classes"] == ["no", "yes"]


def test_columns_are_found_by_their_names(capsys):
    before = run_json(capsys, "fit", *REGRESSION, "--output", "net.npz")
    with open("data.csv", newline="") as file:
        rows = list(csv.reader(file))
    with open("turned.csv", "w", newline="") as file:
        csv.writer(file).writerows([row[::-1] for row in rows])
    after = run_json(capsys, "certify", "net.npz", "turned.csv", *REGRESSION[1:3], "--beta", "0.1")
    check_same(after, before)
    write("other.csv", header=("a", "c", "name", "y", "label"))
    code, output, errors = run(capsys, "certify", "net.npz", "other.csv", *REGRESSION[1:])
    assert (code, output) == (1, "")
    assert errors == (
        "error: net.npz takes a feature 'b'; besides the target, other.csv has a, c\n"
    )
    code, _, errors = run(capsys, "certify", "net.npz", "data.csv", "--target", "a", "--beta", "1")
    assert code == 1
    assert "net.npz takes a feature 'a'; besides the target, data.csv has b, name" in errors


def test_number_of_columns_without_names(capsys):
    Network([[1.0, -1.0]], [0.0], [[1.0]], [0.0]).save("net.npz")
    code, _, errors = run(
        capsys, "certify", "net.npz", "data.csv", "--target", "y", "--beta", "0.1"
    )
    assert code == 1
    assert errors == (
        "error: net.npz takes 2 features; besides the target, data.csv has a, b, name, label\n"
    )


@pytest.mark.parametrize(
    "labels, classes",
    [(("0", "1"), [0.0, 1.0]), (("10", "9"), [9.0, 10.0]), (("1", "a"), ["1", "a"])],
)
def test_labels(capsys, labels, classes):
    fields = [(k, 4, labels[int(label == "yes")]) for k, label in enumerate(LABELS)]
    write("labels.csv", changes=fields)
    arguments = ["labels.csv", *CLASSIFICATION[1:]]
    found = run_json(capsys, "fit", *arguments, "--classify", "--output", "net.npz")
    assert found["classes"] == classes
    again = run_json(capsys, "certify", "net.npz", *arguments)
    check_same(again, found)
    # samples of one class alone are still of that class
    write("one.csv", changes=[(0, 4, labels[0])], rows=slice(0, 1))
    one = run_json(capsys, "certify", "net.npz", "one.csv", *CLASSIFICATION[1:])
    outputs = Network.load("net.npz").predict(X[:1])
    predicted = classes[int(outputs[0] > 0.0)]
    expected = labels[0] if isinstance(classes[0], str) else float(labels[0])
    assert one["accuracy"] == float(predicted == expected)


def test_labels_that_the_network_does_not_know(capsys):
    run_json(capsys, "fit", *CLASSIFICATION, "--classify", "--output", "net.npz")
    write("data.csv", changes=[(3, 4, "maybe")])
    code, _, errors = run(capsys, "certify", "net.npz", *CLASSIFICATION)
    assert code == 1
    assert "column 'label': the network tells no, yes apart, got maybe, no, yes" in errors
    write("data.csv", changes=[(k, 4, "no") for k in range(len(X))])
    code, _, errors = run(capsys, "fit", *CLASSIFICATION, "--classify")
    assert code == 1
    assert errors == "error: data.csv, column 'label': expected two classes or more, got no\n"


def test_three_classes(capsys):
    write("data.csv", changes=[(k, 4, "maybe") for k in range(8)])
    fit = ("fit", *CLASSIFICATION, "--classify")
    found = run_json(capsys, *fit, "--output", "net.npz")
    assert (found["loss"], found["scope"]) == ("multinomial", "global")
    assert found["classes"] == ["maybe", "no", "yes"]
    network = Network.load("net.npz")
    assert network.output_weights.shape[1] == 3
    labels = np.array(["maybe"] * 8 + LABELS[8:].tolist())
    chosen = np.array(found["classes"])[network.predict(X).argmax(axis=1)]
    assert found["accuracy"] == np.mean(chosen == labels)
    again = run_json(capsys, "certify", "net.npz", *CLASSIFICATION)
    check_same(again, found)
    code, _, errors = run(capsys, "certify", "net.npz", *CLASSIFICATION, "--loss", "hinge")
    assert (code, errors) == (
        1,
        "error: --loss hinge is for two classes, net.npz tells more apart\n",
    )
    code, _, errors = run(capsys, *fit, "--loss", "hinge")
    assert (code, errors) == (1, "error: loss='hinge' is for two classes, y has 3\n")


def test_delimiters_and_byte_order_marks(capsys, folder):
    expected = run_json(capsys, "fit", *REGRESSION)["objective"]
    for delimiter in ";\t":
        write("data.csv", delimiter=delimiter)
        assert run_json(capsys, "fit", *REGRESSION)["objective"] == expected
    content = (folder / "data.csv").read_text()
    (folder / "data.csv").write_text("\ufeff" + content, encoding="utf-8")
    assert run_json(capsys, "fit", *REGRESSION)["features"] == ["a", "b"]


def test_parquet(capsys, folder):
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    columns = {"a": X[:, 0], "b": X[:, 1], "k": np.arange(30), "y": Y, "label": LABELS.tolist()}
    parquet.write_table(arrow.table(columns), "data.parquet")
    expected = run_json(capsys, "fit", *REGRESSION)
    drop = ["--drop", "k", "--drop", "label"]
    arguments = ["data.parquet", "--target", "y", "--beta", "0.1"]
    assert run_json(capsys, "fit", *arguments, *drop)["objective"] == expected["objective"]
    assert run_json(capsys, "fit", *arguments, "--drop", "label")["features"] == ["a", "b", "k"]
    _, _, errors = run(capsys, "fit", *arguments)
    assert errors == (
        f"error: data.parquet, row 1, column 'label': {str(LABELS[0])!r} is not a number\n"
    )
    columns["a"] = [None, *X[1:, 0]]
    parquet.write_table(arrow.table(columns), "data.parquet")
    _, _, errors = run(capsys, "fit", *arguments, *drop)
    assert errors == "error: data.parquet, row 1, column 'a': None is not a number\n"
    (folder / "data.parquet").write_bytes(b"not parquet")
    code, _, errors = run(capsys, "fit", *arguments, *drop)
    assert code == 1
    assert errors.startswith("error: data.parquet is not a parquet file: ")
    assert errors.count("\n") == 1


def test_parquet_without_pyarrow(capsys, folder, monkeypatch):
    class Block:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] == "pyarrow":
                raise ModuleNotFoundError(f"No module named {name!r}", name="pyarrow")

    for name in [name for name in sys.modules if name.partition(".")[0] == "pyarrow"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Block(), *sys.meta_path])
    (folder / "data.parquet").write_bytes(b"")
    assert run(capsys, "fit", "data.parquet", "--target", "y") == (
        1,
        "",
        "error: cannot read data.parquet: pyarrow is not installed; "
        'pip install "cvxnn[parquet]" brings it\n',
    )


@pytest.mark.parametrize(
    "changes, message",
    [
        ([(4, 1, "much")], "data.csv, line 6, column 'b': 'much' is not a number"),
        ([(4, 0, "")], "data.csv, line 6, column 'a': '' is not a number"),
        ([(0, 0, "nan")], "data.csv, line 2, column 'a': 'nan' is not a finite number"),
        ([(29, 3, "-inf")], "data.csv, line 31, column 'y': '-inf' is not a finite number"),
        ([(1, 1, "1" + "0" * 400)], "is not a finite number"),
    ],
)
def test_fields_that_are_no_numbers(capsys, changes, message):
    write("data.csv", changes=changes)
    code, output, errors = run(capsys, "fit", *REGRESSION)
    assert (code, output) == (1, "")
    assert errors.startswith("error: data.csv, line ")
    assert message in errors
    assert errors.count("\n") == 1


@pytest.mark.parametrize("field", ["", "nan"])
def test_fields_that_are_no_labels(capsys, field):
    write("data.csv", changes=[(2, 4, field)])
    code, _, errors = run(capsys, "fit", *CLASSIFICATION, "--classify")
    assert (code, errors) == (
        *(1, f"error: data.csv, line 4, column 'label': {field!r} is not a label\n"),
    )


@pytest.mark.parametrize(
    "content, message",
    [
        ("", "data.csv is empty"),
        ("a,y,name,label\n", "data.csv has no rows"),
        (
            "1,2,3,4\n5,6,7,8\n",
            "the first line must name the columns, but it holds numbers: 1, 2, 3",
        ),
        ("a,y,a,label\n1,2,3,4\n", "data.csv has 2 columns of the name 'a'"),
        ("a,y\n1,2,3\n", "data.csv, line 2: expected 2 fields, got 3"),
        ("a,z,name,label\n1,2,3,4\n", "data.csv has no column 'y', but a, z, name, label"),
        ("a,y,label\n1,2,3\n", "data.csv has no column 'name', but a, y, label"),
        ("y,name,label\n1,2,3\n", "data.csv has no column left for a feature"),
        (b"\xff\xfe\x00\n", "data.csv is not a text"),
    ],
)
def test_files_that_are_no_tables(capsys, folder, content, message):
    (folder / "data.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    code, output, errors = run(capsys, "fit", *REGRESSION)
    assert (code, output) == (1, "")
    assert errors.startswith("error: ")
    assert message in errors
    assert errors.count("\n") == 1


def test_files_that_are_no_networks(capsys, folder):
    code, _, errors = run(capsys, "certify", "net.npz", *REGRESSION)
    assert code == 1
    assert "No such file" in errors
    (folder / "net.npz").write_text("nothing")
    _, _, errors = run(capsys, "certify", "net.npz", *REGRESSION)
    assert errors == "error: cannot load a network from net.npz: it is not an npz file\n"
    GatedNetwork(np.eye(2), np.zeros(2), np.eye(2), np.zeros(2), np.ones((2, 1))).save("net.npz")
    _, _, errors = run(capsys, "certify", "net.npz", *REGRESSION)
    assert "it holds GatedNetwork, expected Network" in errors


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["fit", "data.csv"], "--target"),
        (["fit", *REGRESSION, "--beta", "0"], "expected a positive number, got '0'"),
        (["fit", *REGRESSION, "--beta", "inf"], "expected a positive number, got 'inf'"),
        (["fit", *REGRESSION, "--tol", "small"], "expected a positive number, got 'small'"),
        (["fit", *REGRESSION, "--patterns", "all"], "expected auto, exact or a positive integer"),
        (["fit", *REGRESSION, "--patterns", "0"], "expected auto, exact or a positive integer"),
        (["fit", *REGRESSION, "--n-jobs", "0"], "expected a non-zero integer"),
        (["fit", *REGRESSION, "--seed", "-1"], "expected an integer from 0"),
        (["fit", *REGRESSION, "--bias", "some"], "invalid choice"),
        (["fit", *REGRESSION, "--loss", "logistic"], "--loss logistic goes with --classify"),
        (["fit", *CLASSIFICATION, "--classify", "--loss", "squared"], "goes without --classify"),
        (["fit", *REGRESSION, "--drop", "y"], "--drop: 'y' is the target"),
        (["fit", *REGRESSION, "--output", "none/net.npz"], "not a file in a folder that exists"),
        (["certify", "net.npz", "data.csv", "--target", "y"], "--beta"),
        (["certify", "net.npz", *REGRESSION, "--patterns", "5"], "--patterns"),
    ],
)
def test_usage(capsys, folder, arguments, message):
    code, output, errors = run(capsys, *arguments)
    assert (code, output) == (2, "")
    assert "usage:" in errors
    assert message in errors
    assert [path.name for path in folder.iterdir()] == ["data.csv"]


def test_a_constant_target_has_no_score(capsys):
    write("data.csv", changes=[(k, 3, "2.5") for k in range(len(Y))])
    found = run_json(capsys, "fit", *REGRESSION)
    assert found["r2"] is None
    assert "R^2" not in run(capsys, "fit", *REGRESSION)[1]
