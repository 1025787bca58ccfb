"""What a process of a test does; in a module of its own, which a new interpreter can import."""

import numpy as np


def send_states(connection, model, tokenizer, texts):
    """Send the model's last hidden states of the texts."""
    batch = tokenizer(texts, padding=True, return_tensors="np")
    connection.send(np.asarray(model(**batch).last_hidden_state))
    connection.close()
