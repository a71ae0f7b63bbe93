"""Sources that the report cites."""

from core.data.readers.spec import dataset_spec


def source(key: str) -> str:
    """The reference of a key: one of SOURCES, or the paper of the data set of that name.

    Raises:
        KeyError: there is none.
    """
    return dataset_spec(key).citation or SOURCES[key]


#: Everything but the papers of data sets, which their DatasetSpec has.
SOURCES: dict[str, str] = {
    "model-cards": (
        "M. Mitchell et al. (2019), Model Cards for Model Reporting, Conference on Fairness, Accountability, and "
        "Transparency (FAT*), 220-229."
    ),
    "bootstrap": "B. Efron, R. J. Tibshirani (1993), An Introduction to the Bootstrap, Chapman & Hall.",
    "wilson": (
        "E. B. Wilson (1927), Probable Inference, the Law of Succession, and Statistical Inference, Journal of the "
        "American Statistical Association 22(158), 209-212."
    ),
    "hand-till": (
        "D. J. Hand, R. J. Till (2001), A Simple Generalisation of the Area Under the ROC Curve for Multiple Class "
        "Classification Problems, Machine Learning 45, 171-186."
    ),
    "lin": (
        "L. I. Lin (1989), A Concordance Correlation Coefficient to Evaluate Reproducibility, Biometrics 45(1), 255-268."
    ),
    "guo": (
        "C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger (2017), On Calibration of Modern Neural Networks, International "
        "Conference on Machine Learning (ICML), 1321-1330."
    ),
    "selective": (
        "Y. Geifman, R. El-Yaniv (2017), Selective Classification for Deep Neural Networks, Advances in Neural "
        "Information Processing Systems 30."
    ),
    "corruptions": (
        "D. Hendrycks, T. Dietterich (2019), Benchmarking Neural Network Robustness to Common Corruptions and "
        "Perturbations, International Conference on Learning Representations (ICLR)."
    ),
    "ten-crop": (
        "A. Krizhevsky, I. Sutskever, G. E. Hinton (2012), ImageNet Classification with Deep Convolutional Neural Networks, "
        "Advances in Neural Information Processing Systems 25."
    ),
    "duplicates": (
        "B. Barz, J. Denzler (2020), Do We Train on Test Data? Purging CIFAR of Near-Duplicates, Journal of Imaging "
        "6(6), 41."
    ),
    "confident-learning": (
        "C. G. Northcutt, L. Jiang, I. L. Chuang (2021), Confident Learning: Estimating Uncertainty in Dataset Labels, "
        "Journal of Artificial Intelligence Research 70, 1373-1411."
    ),
    "mcnemar": (
        "Q. McNemar (1947), Note on the Sampling Error of the Difference Between Correlated Proportions or "
        "Percentages, Psychometrika 12(2), 153-157."
    ),
    "delong": (
        "E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson (1988), Comparing the Areas under Two or More Correlated Receiver "
        "Operating Characteristic Curves: A Nonparametric Approach, Biometrics 44(3), 837-845."
    ),
    "mid-p": (
        "M. W. Fagerland, S. Lydersen, P. Laake (2013), The McNemar Test for Binary Matched-Pairs Data: Mid-p and Asymptotic "
        "Are Better than Exact Conditional, BMC Medical Research Methodology 13, 91."
    ),
    "tango": (
        "T. Tango (1998), Equivalence Test and Confidence Interval for the Difference in Proportions for the Paired-Sample "
        "Design, Statistics in Medicine 17(8), 891-908."
    ),
    "randomisation": (
        "A. Yeh (2000), More Accurate Tests for the Statistical Significance of Result Differences, International Conference "
        "on Computational Linguistics (COLING), 947-953."
    ),
    "holm": (
        "S. Holm (1979), A Simple Sequentially Rejective Multiple Test Procedure, Scandinavian Journal of Statistics "
        "6(2), 65-70."
    ),
    "barrett": (
        "L. F. Barrett, R. Adolphs, S. Marsella, A. M. Martinez, S. D. Pollak (2019), Emotional Expressions Reconsidered: "
        "Challenges to Inferring Emotion From Human Facial Movements, Psychological Science in the Public Interest "
        "20(1), 1-68."
    ),
    "ai-act": (
        "Regulation (EU) 2024/1689 of the European Parliament and of the Council of 13 June 2024 laying down "
        "harmonised rules on artificial intelligence (Artificial Intelligence Act), OJ L, 2024/1689, 12.7.2024."
    ),
    "gdpr": (
        "Regulation (EU) 2016/679 of the European Parliament and of the Council of 27 April 2016 (General Data "
        "Protection Regulation), OJ L 119, 4.5.2016."
    ),
}
