from transformers import RobertaTokenizer, RobertaModel
tokenizer = RobertaTokenizer.from_pretrained('roberta-base')
model = RobertaModel.from_pretrained('roberta-base')
input_ids = tokenizer.encode("Hello, my dog is cute", return_tensors="pt")
outputs = model(input_ids)
